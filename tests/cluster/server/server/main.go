// A model server for tests: Open Inference Protocol v2 over HTTP for one XGBoost model, with what is wrong with a
// version in the version itself (behaviour.go). MODEL_DIR, MODEL_NAME and PORT say what and where.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"mlctl/tests/cluster/server/xgb"
)

const bodyLimit = 1 << 20

type tensor struct {
	Name     string    `json:"name"`
	Shape    []int     `json:"shape"`
	Datatype string    `json:"datatype"`
	Data     []float32 `json:"data"`
}

type server struct {
	name      string
	model     *xgb.Model
	behaviour Behaviour
	metrics   *Metrics
	ready     atomic.Bool
}

func reply(out http.ResponseWriter, code int, value any) {
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(code)
	_ = json.NewEncoder(out).Encode(value)
}

func refuse(out http.ResponseWriter, code int, why string) int {
	reply(out, code, map[string]string{"error": why})
	return code
}

func (s *server) infer(out http.ResponseWriter, request *http.Request) int {
	if !s.ready.Load() {
		return refuse(out, http.StatusServiceUnavailable, "the model is not loaded")
	}
	var body struct {
		Inputs []tensor `json:"inputs"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(out, request.Body, bodyLimit)).Decode(&body); err != nil {
		return refuse(out, http.StatusBadRequest, err.Error())
	}
	if len(body.Inputs) != 1 || len(body.Inputs[0].Shape) != 2 || body.Inputs[0].Shape[1] != s.model.Features ||
		body.Inputs[0].Shape[0] < 1 || len(body.Inputs[0].Data) != body.Inputs[0].Shape[0]*s.model.Features {
		return refuse(out, http.StatusBadRequest, fmt.Sprintf("one input of shape [n, %d] is expected", s.model.Features))
	}
	time.Sleep(s.behaviour.delay())
	if happens(s.behaviour.CrashRate) {
		fmt.Fprintln(os.Stderr, "panic: this input ends the server")
		os.Exit(2)
	}
	if happens(s.behaviour.ErrorRate) {
		return refuse(out, http.StatusInternalServerError, "the model failed")
	}
	rows := body.Inputs[0].Shape[0]
	result := tensor{Name: "probability", Shape: []int{rows, 1}, Datatype: "FP32"}
	for i := range rows {
		probability := s.model.Probability(body.Inputs[0].Data[i*s.model.Features : (i+1)*s.model.Features])
		if happens(s.behaviour.WrongRate) {
			probability = 1 - probability
		}
		s.metrics.predicted(probability)
		result.Data = append(result.Data, float32(probability))
	}
	host, _ := os.Hostname()
	out.Header().Set("X-Served-By", host)
	reply(out, http.StatusOK, map[string]any{"model_name": s.name, "outputs": []tensor{result}})
	return http.StatusOK
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	always := func(out http.ResponseWriter, _ *http.Request) {
		reply(out, http.StatusOK, map[string]bool{"live": true})
	}
	ready := func(out http.ResponseWriter, _ *http.Request) {
		if !s.ready.Load() {
			refuse(out, http.StatusServiceUnavailable, "the model is not loaded")
			return
		}
		reply(out, http.StatusOK, map[string]bool{"ready": true})
	}
	mux.HandleFunc("GET /v2", func(out http.ResponseWriter, _ *http.Request) {
		reply(out, http.StatusOK, map[string]any{"name": "mlctl-test-server", "extensions": []string{}})
	})
	mux.HandleFunc("GET /v2/health/live", always)
	mux.HandleFunc("GET /v2/health/ready", ready)
	mux.HandleFunc("GET /v2/models/"+s.name+"/ready", ready)
	mux.HandleFunc("GET /v2/models/"+s.name, func(out http.ResponseWriter, _ *http.Request) {
		reply(out, http.StatusOK, map[string]any{"name": s.name, "platform": "xgboost",
			"inputs":  []tensor{{Name: "features", Shape: []int{-1, s.model.Features}, Datatype: "FP32"}},
			"outputs": []tensor{{Name: "probability", Shape: []int{-1, 1}, Datatype: "FP32"}}})
	})
	mux.HandleFunc("POST /v2/models/"+s.name+"/infer", func(out http.ResponseWriter, request *http.Request) {
		began := time.Now()
		code := s.infer(out, request)
		s.metrics.add(code, time.Since(began))
	})
	mux.HandleFunc("GET /metrics", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/plain; version=0.0.4")
		s.metrics.write(out)
	})
	return mux
}

func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func run() error {
	folder := variable("MODEL_DIR", "/mnt/models")
	behaviour, err := readBehaviour(filepath.Join(folder, "behaviour.json"))
	if err != nil {
		return err
	}
	if behaviour.ExitAtStart {
		return fmt.Errorf("this version does not start")
	}
	bytes, err := os.ReadFile(filepath.Join(folder, "model.ubj"))
	if err != nil {
		return err
	}
	model, err := xgb.Read(bytes)
	if err != nil {
		return err
	}
	s := &server{name: variable("MODEL_NAME", "model"), model: model, behaviour: behaviour, metrics: newMetrics()}
	time.AfterFunc(time.Duration(behaviour.StartDelayMs*float64(time.Millisecond)),
		func() { s.ready.Store(!behaviour.NeverReady) })
	http := http.Server{Addr: ":" + variable("PORT", "8080"), Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	stopped := make(chan error, 1)
	go func() {
		<-ended
		patience, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		stopped <- http.Shutdown(patience) // requests in flight are finished
	}()
	if err := http.ListenAndServe(); err != nil && err.Error() != "http: Server closed" {
		return err
	}
	return <-stopped
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}
