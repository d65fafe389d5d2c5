//go:build wantdeps

// Package wantdeps holds modules in go.mod while the rooms that need them are being built.
package wantdeps

import (
	_ "github.com/coder/websocket"
	_ "github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/docker/docker/api/types/container"
	_ "github.com/docker/docker/client"
	_ "github.com/docker/docker/pkg/stdcopy"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/golang/snappy"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/pierrec/lz4/v4"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
)
