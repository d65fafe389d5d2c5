package hostile

import (
	"crypto/sha256"
	"runtime"
	"strconv"
	"time"
)

func init() {
	attacks["beacon"] = (*program).beacon
	attacks["sense"] = (*program).sense
}

// slots calls do for each of n slots of time that begin at a moment which another
// run knows too: START (milliseconds of the epoch) LENGTH (milliseconds).
func slots(n int, args []string, do func(i int, end time.Time)) {
	start, _ := strconv.ParseInt(args[0], 10, 64)
	length, _ := strconv.ParseInt(args[1], 10, 64)
	for i := range n {
		time.Sleep(time.Until(time.UnixMilli(start + int64(i)*length)))
		do(i, time.UnixMilli(start+int64(i+1)*length))
	}
}

// beacon tells bits to whoever shares the machine: in the slot of a 1 it takes
// all the processor time that it gets: beacon START LENGTH BITS.
func (p *program) beacon() {
	bits := p.args[2]
	slots(len(bits), p.args, func(i int, end time.Time) {
		if bits[i] != '1' {
			return
		}
		done := make(chan struct{})
		for range runtime.NumCPU() {
			go func() {
				for b := make([]byte, 64<<10); time.Now().Before(end); {
					sha256.Sum256(b)
				}
				done <- struct{}{}
			}()
		}
		for range runtime.NumCPU() {
			<-done
		}
	})
	p.say("beacon: %d bits", len(bits))
}

// sense says how much work it could do in each slot: sense START LENGTH SLOTS.
func (p *program) sense() {
	n, _ := strconv.Atoi(p.args[2])
	slots(n, p.args, func(i int, end time.Time) {
		work := 0
		for b := make([]byte, 4<<10); time.Now().Before(end); work++ {
			sha256.Sum256(b)
		}
		p.say("slot %d: %d", i, work)
	})
}
