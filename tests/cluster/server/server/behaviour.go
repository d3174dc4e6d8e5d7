package main

import (
	"encoding/json"
	"math/rand"
	"os"
	"time"
)

// Behaviour is what is wrong with a version, on purpose: behaviour.json beside the model. What is absent is zero.
type Behaviour struct {
	DelayMs      float64 `json:"delay_ms"`       // every answer takes so much longer
	JitterMs     float64 `json:"jitter_ms"`      // and up to so much more
	ErrorRate    float64 `json:"error_rate"`     // this share of requests is answered with 500
	CrashRate    float64 `json:"crash_rate"`     // this share ends the process in the middle of the request
	WrongRate    float64 `json:"wrong_rate"`     // this share is answered with another probability
	StartDelayMs float64 `json:"start_delay_ms"` // how long loading takes
	NeverReady   bool    `json:"never_ready"`
	ExitAtStart  bool    `json:"exit_at_start"`
}

func readBehaviour(path string) (Behaviour, error) {
	var out Behaviour
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(text, &out)
}

func (b Behaviour) delay() time.Duration {
	return time.Duration((b.DelayMs + b.JitterMs*rand.Float64()) * float64(time.Millisecond))
}

func happens(share float64) bool { return share > 0 && rand.Float64() < share }
