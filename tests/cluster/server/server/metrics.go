package main

import (
	"fmt"
	"io"
	"sort"
	"strconv"
	"sync"
	"time"
)

var edges = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10} // seconds

// Metrics counts under the names of mlctl's runtime profile open-inference.
type Metrics struct {
	mutex   sync.Mutex
	codes   map[int]uint64
	classes [2]uint64 // predictions of each class, for metrics of the user's own
	buckets []uint64 // at or below the edge
	count   uint64
	sum     float64
}

func newMetrics() *Metrics {
	// A counter that is there from the beginning is told from one that is not scraped.
	return &Metrics{codes: map[int]uint64{200: 0}, buckets: make([]uint64, len(edges))}
}

func (m *Metrics) add(code int, took time.Duration) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.codes[code]++
	m.count++
	m.sum += took.Seconds()
	for i, edge := range edges {
		if took.Seconds() <= edge {
			m.buckets[i]++
		}
	}
}

func (m *Metrics) predicted(probability float64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if probability < 0.5 {
		m.classes[0]++
	} else {
		m.classes[1]++
	}
}

func (m *Metrics) write(out io.Writer) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	fmt.Fprintln(out, "# TYPE inference_requests_total counter")
	codes := make([]int, 0, len(m.codes))
	for code := range m.codes {
		codes = append(codes, code)
	}
	sort.Ints(codes)
	for _, code := range codes {
		fmt.Fprintf(out, "inference_requests_total{code=\"%d\"} %d\n", code, m.codes[code])
	}
	fmt.Fprintln(out, "# TYPE predictions_total counter")
	for class, count := range m.classes {
		fmt.Fprintf(out, "predictions_total{class=\"%d\"} %d\n", class, count)
	}
	fmt.Fprintln(out, "# TYPE inference_request_duration_seconds histogram")
	for i, edge := range edges {
		text := strconv.FormatFloat(edge, 'g', -1, 64)
		fmt.Fprintf(out, "inference_request_duration_seconds_bucket{le=\"%s\"} %d\n", text, m.buckets[i])
	}
	fmt.Fprintf(out, "inference_request_duration_seconds_bucket{le=\"+Inf\"} %d\n", m.count)
	fmt.Fprintf(out, "inference_request_duration_seconds_sum %g\n", m.sum)
	fmt.Fprintf(out, "inference_request_duration_seconds_count %d\n", m.count)
}
