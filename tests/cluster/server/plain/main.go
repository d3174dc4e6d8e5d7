// A plain client of the API server, to measure against: server-side apply of every object in YAML files, 64 requests in
// flight over one HTTP/2 connection, nothing compared and nothing remembered.
//
// usage: plain apply|list API PKI-FOLDER FOLDER
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

var plurals = map[string]string{
	"Namespace": "/api/v1/namespaces", "ServiceAccount": "/api/v1/%sserviceaccounts", "Service": "/api/v1/%sservices",
	"ConfigMap": "/api/v1/%sconfigmaps", "Deployment": "/apis/apps/v1/%sdeployments",
	"PodDisruptionBudget":     "/apis/policy/v1/%spoddisruptionbudgets",
	"HorizontalPodAutoscaler": "/apis/autoscaling/v2/%shorizontalpodautoscalers",
	"HTTPRoute":               "/apis/gateway.networking.k8s.io/v1/%shttproutes",
}

func field(document, pattern string) string {
	found := regexp.MustCompile(`(?m)^` + pattern + `: "?([^"\n]+)"?$`).FindStringSubmatch(document)
	if found == nil {
		return ""
	}
	return found[1]
}

func client(pki string) *http.Client {
	ca, err := os.ReadFile(filepath.Join(pki, "ca.crt"))
	if err != nil {
		panic(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(pki, "admin.crt"), filepath.Join(pki, "admin.key"))
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}}
}

func documents(folder string) []string {
	var out []string
	_ = filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, one := range strings.Split(string(text), "\n---\n") {
			if field(one, "kind") != "" {
				out = append(out, one)
			}
		}
		return err
	})
	return out
}

func send(to *http.Client, method, url string, body []byte) {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/apply-patch+yaml")
	answer, err := to.Do(request)
	if err != nil {
		panic(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode > 299 {
		panic(fmt.Sprint(url, ": ", answer.Status, " ", string(text)))
	}
}

func apply(to *http.Client, api string, all []string) {
	work := make(chan string)
	var group sync.WaitGroup
	for range 64 {
		group.Add(1)
		go func() {
			defer group.Done()
			for one := range work {
				space := field(one, "  namespace")
				if space != "" {
					space = "namespaces/" + space + "/"
				}
				path := plurals[field(one, "kind")]
				if strings.Contains(path, "%s") {
					path = fmt.Sprintf(path, space)
				}
				send(to, http.MethodPatch, api+path+"/"+field(one, "  name")+"?fieldManager=plain&force=true", []byte(one))
			}
		}()
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	group.Wait()
}

func main() {
	action, api, to := os.Args[1], os.Args[2], client(os.Args[3])
	if action == "list" {
		for _, path := range plurals {
			if strings.Contains(path, "%s") {
				path = fmt.Sprintf(path, "")
			}
			send(to, http.MethodGet, api+path, nil)
		}
		return
	}
	apply(to, api, documents(os.Args[4]))
}
