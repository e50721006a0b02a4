//go:build tools

// Package cilium names the programs of Cilium that the test cluster runs; go.mod and go.sum pin them.
package cilium

import (
	_ "github.com/cilium/cilium/cilium-dbg"
	_ "github.com/cilium/cilium/daemon"
	_ "github.com/cilium/cilium/plugins/cilium-cni"
)
