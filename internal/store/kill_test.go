package store

import (
	"bufio"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"testing"

	"aihub"
	"aihub/policies"
)

const childEnv = "AIHUB_STORE_TEST_CHILD"

// A process that is killed between any two instructions leaves a database that
// opens, holds all it had acknowledged, charges nothing twice, and is not behind
// its checkpoint file.
func TestKilled(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 1000, 1000, "policy")
	w.image(w.alice, "an image of acme")
	acknowledged := 0
	for round := range 6 {
		w.must(w.DB.Close())
		child := osexec.Command(os.Args[0], "-test.run", "^TestKilledChild$")
		child.Env = append(os.Environ(), childEnv+"="+w.dir, "ROUND="+fmt.Sprint(round), "SCENARIO="+sc.String())
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		w.must(err)
		w.must(child.Start())
		lines := bufio.NewScanner(out)
		for n := 0; n < 5+7*round && lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "entered ") {
				n++
			}
		}
		w.must(child.Process.Kill())
		for lines.Scan() { // what it said before it died counts too
		}
		child.Wait()
		w.open()
		w.sound()
		var entered, charged, settledTwice int
		w.must(w.rw.QueryRow("SELECT count(*) FROM submissions WHERE smoke = 0").Scan(&entered))
		w.must(w.rw.QueryRow("SELECT attempts FROM budgets").Scan(&charged))
		w.must(w.rw.QueryRow("SELECT count(*) FROM (SELECT submission FROM runs WHERE kind = 'infer' GROUP BY submission HAVING count(*) > 1) AS twice").Scan(&settledTwice))
		acknowledged += 5 + 7*round
		if entered < acknowledged || charged != entered || settledTwice != 0 {
			t.Errorf("round %d: %d acknowledged, %d there, %d charged, %d with two runs", round, acknowledged, entered, charged, settledTwice)
		}
		acknowledged = entered
	}
}

// TestKilledChild is the process that TestKilled kills.
func TestKilledChild(t *testing.T) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		t.Skip("is run by TestKilled")
	}
	w := &world{TB: t, ctx: t.Context(), dir: dir, clock: &clock{t: openTime}}
	var err error
	w.eng, err = policies.New()
	w.must(err)
	w.open()
	w.alice, err = w.ActorOf(w.ctx, "alice")
	w.must(err)
	sc, err := aihub.ParseRef(os.Getenv("SCENARIO"))
	w.must(err)
	for i := 0; ; i++ {
		nonce := fmt.Sprint(os.Getenv("ROUND"), " ", i)
		_, err := w.Submit(w.ctx, w.submitPermit(w.alice, sc), aihub.Submission{Scenario: sc, Round: "main", Image: digest("an image of acme"), Nonce: nonce}, 1)
		w.must(err)
		fmt.Println("entered", nonce)
		if l, err := w.Claim(w.ctx, "w", tick, aihub.RunInfer); err != nil {
			t.Fatal(err)
		} else if l != nil {
			w.must(w.Finish(w.ctx, l, Outcome{Output: digest("o")}))
		}
	}
}
