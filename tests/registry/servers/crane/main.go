// go-containerregistry's registry, with the referrers API: crane DIR [CERTIFICATE KEY], on a free loopback port that it
// prints.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	handler := registry.New(registry.WithReferrersSupport(true), registry.WithBlobHandler(registry.NewDiskBlobHandler(os.Args[1])))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if len(os.Args) > 3 {
		log.Fatal(http.ServeTLS(listener, handler, os.Args[2], os.Args[3]))
	}
	log.Fatal(http.Serve(listener, handler))
}
