// Command etcd is etcd's server, built from its modules as go.mod and go.sum pin them.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
