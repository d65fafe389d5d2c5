package media

import "encoding/binary"

// orientation returns the EXIF orientation of a JPEG, or 1. It reads segments up
// to the picture and, of the EXIF one, the first directory.
func orientation(b []byte) int {
	for p := 2; p+4 <= len(b) && b[p] == 0xff; {
		kind, n := b[p+1], int(binary.BigEndian.Uint16(b[p+2:]))
		if kind == 0xff { // fill
			p++
			continue
		}
		if kind == 0xda || n < 2 || p+2+n > len(b) {
			break
		}
		if seg := b[p+4 : p+2+n]; kind == 0xe1 && len(seg) > 6 && string(seg[:6]) == "Exif\x00\x00" {
			return orientationOf(seg[6:])
		}
		p += 2 + n
	}
	return 1
}

// orientationOf reads tag 0x0112 of the first directory of a TIFF.
func orientationOf(t []byte) int {
	if len(t) < 8 {
		return 1
	}
	var o binary.ByteOrder = binary.BigEndian
	switch string(t[:4]) {
	case "II*\x00":
		o = binary.LittleEndian
	case "MM\x00*":
	default:
		return 1
	}
	at := int64(o.Uint32(t[4:]))
	if at+2 > int64(len(t)) {
		return 1
	}
	entries := t[at+2:]
	for range o.Uint16(t[at:]) {
		if len(entries) < 12 {
			break
		}
		if o.Uint16(entries) == 0x0112 && o.Uint16(entries[2:]) == 3 {
			if v := int(o.Uint16(entries[8:])); v >= 1 && v <= 8 {
				return v
			}
			break
		}
		entries = entries[12:]
	}
	return 1
}
