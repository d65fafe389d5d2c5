package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"aihub/internal/config"
)

// TestSlowClients: hundreds of clients that send their request a little at a time,
// and others that announce far too much, do not keep the server from answering, and
// are let go of.
func TestSlowClients(t *testing.T) {
	cfg := config.Default(t.TempDir())
	cfg.Listen = "127.0.0.1:0"
	ln, err := listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.URL = "http://" + ln.Addr().String()
	a, err := openApp(t.Context(), cfg, &process{Err: io.Discard, Getenv: func(string) string { return "" }, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	ready := make(chan struct{})
	go func() { ended <- a.serve(ctx, ln, func() { close(ready) }) }()
	defer func() { stop(); <-ended }()
	<-ready

	const slow = 300
	began := time.Now()
	conns := make([]net.Conn, slow)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", ln.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
		fmt.Fprintf(conns[i], "GET / HTTP/1.1\r\nHost: x\r\nX-%d: ", i)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	answers := func(when string) {
		for range 20 {
			resp, err := client.Get(cfg.URL + "/healthz")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %v %v", when, resp, err)
			}
			resp.Body.Close()
		}
	}
	answers("beside slow clients")
	for what, head := range map[string]string{
		"a head of a megabyte":    "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"a body of a terabyte":    "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1099511627776\r\n\r\n{\"user\":\"" + strings.Repeat("x", 4<<20),
		"a length that is none":   "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"two lengths":             "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"a length and chunks":     "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
		"another protocol's head": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		go func() { _, _ = io.WriteString(c, head) }() // it may be let go of before it is through
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil && (resp.StatusCode < 400 || resp.StatusCode >= 500) {
			t.Errorf("%s is answered with %s", what, resp.Status)
		}
		c.Close()
	}
	answers("after senders of too much")
	for i, c := range conns {
		_ = c.SetReadDeadline(began.Add(time.Minute))
		if _, err := io.Copy(io.Discard, c); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				t.Fatalf("slow client %d is still there after %v", i, time.Since(began))
			}
		}
	}
}
