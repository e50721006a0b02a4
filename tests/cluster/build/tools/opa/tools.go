//go:build tools

// Package opa names Open Policy Agent, which answers beside the services; go.mod and go.sum pin it.
package opa

import _ "github.com/open-policy-agent/opa"
