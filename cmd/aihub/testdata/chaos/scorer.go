// The scorer of the chaos test: it reads what it is given and gives half a point.
package main

import "os"

func main() {
	for _, name := range []string{"truth.csv", "predictions.csv"} {
		if b, err := os.ReadFile("/input/" + name); err != nil || len(b) == 0 {
			panic(name)
		}
	}
	if err := os.WriteFile("/output/scores.json", []byte(`{"points": 0.5}`), 0o644); err != nil {
		panic(err)
	}
}
