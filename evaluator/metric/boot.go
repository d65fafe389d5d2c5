package metric

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// Buckets is how many buckets the rows of a part are hashed into.
const Buckets = 4096

// Replicates is how often the buckets are drawn again.
const Replicates = 1000

// Bootstrap is the hash-bucketed Poisson bootstrap: every row belongs to the
// bucket that its key hashes to, and a replicate counts bucket b as often as a
// Poisson(1) draw says. Keys are the dataset's, and draws depend on the seed
// alone, so that all submissions of a round are drawn alike and differences
// between them are paired. One pass over the rows, then Buckets·Replicates
// steps, whatever the number of rows. Chamandy et al., "Estimating uncertainty
// for massive data streams" (2012), describes the Poisson bootstrap.
//
// With fewer than about 500 rows, or units where rows of one belong together, a
// percentile interval is somewhat too narrow: it is then bias-corrected and
// accelerated (bca).
type Bootstrap struct {
	seed   uint64
	weight []uint8 // Replicates rows of Buckets
	coarse bool
	units  bool
}

// ByUnits is b for keys that several rows may have: rows of one unit are drawn
// together, and it is units that may be few.
func (b *Bootstrap) ByUnits() *Bootstrap { return &Bootstrap{b.seed, b.weight, b.coarse, true} }

// CoarseBuckets is how many buckets a Coarse bootstrap has.
const CoarseBuckets = 256

// Coarse is b with fewer buckets: sixteen of b's each, which takes a sixteenth of
// the memory. Its blocks have CoarseBucket of a row's bucket.
func (b *Bootstrap) Coarse() *Bootstrap { return &Bootstrap{b.seed, b.weight, true, b.units} }

// CoarseBucket returns the bucket of a Coarse bootstrap.
func CoarseBucket(bucket uint16) uint16 { return bucket % CoarseBuckets }

// buckets is how many there are.
func (b *Bootstrap) buckets() int {
	if b.coarse {
		return CoarseBuckets
	}
	return Buckets
}

// NewBootstrap makes the draws of a round. Equal seeds give equal draws.
func NewBootstrap(seed string) *Bootstrap {
	h := sha256.Sum256([]byte("aihub bootstrap 1\n" + seed))
	b := &Bootstrap{seed: binary.LittleEndian.Uint64(h[:8]), weight: make([]uint8, Replicates*Buckets)}
	rng := splitmix(binary.LittleEndian.Uint64(h[8:16]))
	var us [mixRows]uint64
	for at := 0; at < len(b.weight); at += mixRows {
		weight := b.weight[at:][:min(mixRows, len(b.weight)-at)]
		rng.fill(us[:len(weight)])
		for i, u := range us[:len(weight)] {
			k := poissonTop[u>>52]
			if k == several {
				k = poisson(u)
			}
			weight[i] = k
		}
	}
	return b
}

// poisson returns the count that a uniform u of 2^64 stands for.
func poisson(u uint64) (k uint8) {
	for int(k) < len(poissonCDF) && u >= poissonCDF[k] {
		k++
	}
	return k
}

// poissonTop has the count of every u by its top twelve bits, where it is one:
// a table costs a fifth of the comparisons, of which there are four million.
var poissonTop = func() (t [1 << 12]uint8) {
	for i := range t {
		low := uint64(i) << 52
		if t[i] = poisson(low); t[i] != poisson(low|(1<<52-1)) {
			t[i] = several
		}
	}
	return t
}()

const several = 255 // counts begin with these bits

// Bucket returns the bucket of a row's key: FNV-1a, then mixRows with the seed.
func (b *Bootstrap) Bucket(key string) uint16 {
	h := uint64(fnvBasis)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * fnvPrime
	}
	return b.bucket(h)
}

const (
	fnvBasis = 14695981039346656037
	fnvPrime = 1099511628211
)

func (b *Bootstrap) bucket(h uint64) uint16 { return uint16(mix(h^b.seed) % Buckets) }

// NumberBuckets writes to out the Bucket of each key in decimal. Numbers in a row
// mostly agree in all digits but the last one or two, which are then hashed alone.
func (b *Bootstrap) NumberBuckets(keys []int64, out []uint16) {
	out = out[:len(keys)]
	var ofHundreds uint64 // the hash of all digits but the last two
	hundreds := int64(-1)
	var text [20]byte
	var hs [mixRows]uint64 // the hashes, but for the last product
	for len(keys) > 0 {
		part := keys[:min(mixRows, len(keys))]
		hs := hs[:len(part)]
		for i := 0; i < len(part); {
			v := part[i]
			if v < 100 || v > math.MaxInt64-100 { // or the next ones could be below v
				digits := strconv.AppendInt(text[:0], v, 10)
				h := uint64(fnvBasis)
				for _, c := range digits[:len(digits)-1] {
					h = (h ^ uint64(c)) * fnvPrime
				}
				hs[i] = h ^ uint64(digits[len(digits)-1])
				i++
				continue
			}
			if two := uint64(v - hundreds); two >= 100 || hundreds < 0 {
				hundreds, ofHundreds = v-v%100, fnvBasis
				for _, c := range strconv.AppendInt(text[:0], v/100, 10) {
					ofHundreds = (ofHundreds ^ uint64(c)) * fnvPrime
				}
			}
			digit := uint64(v-hundreds) / 10
			tens, ofTens := hundreds+10*int64(digit), (ofHundreds^('0'+digit))*fnvPrime
			for ; i < len(part); i++ {
				last := uint64(part[i] - tens)
				if last >= 10 {
					break
				}
				hs[i] = ofTens ^ ('0' + last)
			}
		}
		mixAll(hs, fnvPrime, b.seed)
		to := out[:len(hs)]
		for i, h := range hs {
			to[i] = uint16(h % Buckets)
		}
		keys, out = keys[len(part):], out[len(part):]
	}
}

// mixRows is how many numbers are mixRows at once.
const mixRows = 1 << 9

// mixAll sets each x to mix(x·by ^ with).
func mixAll(xs []uint64, by, with uint64) {
	for i := mixLanes(xs, by, with); i < len(xs); i++ {
		xs[i] = mix(xs[i]*by ^ with)
	}
}

// poissonCDF[k] is P(Poisson(1) ≤ k) as a fraction of 2^64, as long as it is
// below 1 in that precision.
var poissonCDF = func() (c []uint64) {
	p, sum := 0.36787944117144233, 0.0 // e^-1
	for k := 1; k < 16; k++ {
		sum += p
		c = append(c, uint64(math.Ldexp(sum, 53))<<11)
		p /= float64(k)
	}
	return c
}()

// splitmix is Steele, Lea and Flood's generator (2014).
type splitmix uint64

func (s *splitmix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	return mix(uint64(*s))
}

// fill sets us to what next would return.
func (s *splitmix) fill(us []uint64) {
	at := uint64(*s) // in a register
	for i := range us {
		at += 0x9e3779b97f4a7c15
		us[i] = at
	}
	*s = splitmix(at)
	mixAll(us, 1, 0)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// interval returns the central 95 % of the replicates' values, or 0, 0 when
// more than one in twenty is undefined.
func interval(values []float64) (lo, hi float64) {
	if len(values) < Replicates*19/20 {
		return 0, 0
	}
	slices.Sort(values)
	at := func(permille int) float64 { return values[((len(values)-1)*permille+500)/1000] }
	return at(25), at(975)
}
