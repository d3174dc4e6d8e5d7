//go:build tools

// What is built is oras.land/oras/cmd/oras itself; this only keeps it in go.mod.
package tools

import _ "oras.land/oras/cmd/oras"
