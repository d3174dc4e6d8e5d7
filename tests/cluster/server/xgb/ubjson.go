// Package xgb reads models of XGBoost in its UBJSON format and evaluates them. Sources: ubjson.org, draft 12; XGBoost's
// "Introduction to Model IO".
package xgb

import (
	"encoding/binary"
	"errors"
	"math"
)

const depthLimit = 32

var errFormat = errors.New("not UBJSON")

type reader struct {
	rest []byte
}

func (r *reader) take(count int) ([]byte, error) {
	if count < 0 || count > len(r.rest) {
		return nil, errFormat
	}
	taken := r.rest[:count]
	r.rest = r.rest[count:]
	return taken, nil
}

func (r *reader) marker() (byte, error) {
	taken, err := r.take(1)
	if err != nil {
		return 0, err
	}
	return taken[0], nil
}

// number reads a value of a numeric type.
func (r *reader) number(kind byte) (float64, error) {
	sizes := map[byte]int{'i': 1, 'U': 1, 'I': 2, 'l': 4, 'L': 8, 'd': 4, 'D': 8}
	size, known := sizes[kind]
	if !known {
		return 0, errFormat
	}
	bytes, err := r.take(size)
	if err != nil {
		return 0, err
	}
	switch kind {
	case 'i':
		return float64(int8(bytes[0])), nil
	case 'U':
		return float64(bytes[0]), nil
	case 'I':
		return float64(int16(binary.BigEndian.Uint16(bytes))), nil
	case 'l':
		return float64(int32(binary.BigEndian.Uint32(bytes))), nil
	case 'L':
		return float64(int64(binary.BigEndian.Uint64(bytes))), nil
	case 'd':
		return float64(math.Float32frombits(binary.BigEndian.Uint32(bytes))), nil
	}
	return math.Float64frombits(binary.BigEndian.Uint64(bytes)), nil
}

// length is of a string or a container: never more than the bytes that are left.
func (r *reader) length() (int, error) {
	kind, err := r.marker()
	if err != nil {
		return 0, err
	}
	value, err := r.number(kind)
	if err != nil || value < 0 || value > float64(len(r.rest)) || value != math.Trunc(value) {
		return 0, errFormat
	}
	return int(value), nil
}

func (r *reader) text() (string, error) {
	count, err := r.length()
	if err != nil {
		return "", err
	}
	taken, err := r.take(count)
	return string(taken), err
}

func (r *reader) value(kind byte, depth int) (any, error) {
	if depth > depthLimit {
		return nil, errFormat
	}
	switch kind {
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case 'S':
		return r.text()
	case 'T', 'F':
		return kind == 'T', nil
	case 'Z', 'N':
		return nil, nil
	}
	return r.number(kind)
}

// object is never of one type or counted in what XGBoost writes.
func (r *reader) object(depth int) (map[string]any, error) {
	out := map[string]any{}
	for {
		if len(r.rest) == 0 {
			return nil, errFormat
		}
		if r.rest[0] == '}' {
			r.rest = r.rest[1:]
			return out, nil
		}
		key, err := r.text()
		if err != nil {
			return nil, err
		}
		kind, err := r.marker()
		if err != nil {
			return nil, err
		}
		if out[key], err = r.value(kind, depth+1); err != nil {
			return nil, err
		}
	}
}

func (r *reader) array(depth int) (any, error) {
	var kind byte
	if len(r.rest) > 1 && r.rest[0] == '$' {
		kind = r.rest[1]
		r.rest = r.rest[2:]
	}
	if len(r.rest) > 0 && r.rest[0] == '#' {
		r.rest = r.rest[1:]
		count, err := r.length()
		if err != nil {
			return nil, err
		}
		if kind != 0 {
			return r.numbers(kind, count)
		}
		return r.values(count, depth)
	}
	if kind != 0 {
		return nil, errFormat
	}
	return r.values(-1, depth)
}

func (r *reader) numbers(kind byte, count int) ([]float64, error) {
	out := make([]float64, 0, count)
	for range count {
		one, err := r.number(kind)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// values of any types; -1: until the bracket that closes.
func (r *reader) values(count, depth int) ([]any, error) {
	var out []any
	for count < 0 || len(out) < count {
		kind, err := r.marker()
		if err != nil {
			return nil, err
		}
		if count < 0 && kind == ']' {
			break
		}
		one, err := r.value(kind, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func parse(bytes []byte) (map[string]any, error) {
	r := reader{rest: bytes}
	kind, err := r.marker()
	if err != nil || kind != '{' {
		return nil, errFormat
	}
	return r.object(0)
}
