// Command runsc is the sandbox program that aihub carries inside itself: gVisor
// and the launcher around it, and nothing else, because a sandbox starts it
// several times.
package main

import "aihub/sandbox/gvisor/runsc"

func main() { runsc.Main() }
