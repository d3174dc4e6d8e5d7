package xgb

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

type tree struct {
	left, right []int
	feature     []int
	threshold   []float32 // of a leaf: its value
	missingLeft []bool
	weight      float32
}

// Model is a binary classifier: trees whose sum is the log-odds.
type Model struct {
	Features int
	base     float64
	trees    []tree
}

var errModel = errors.New("not a model of XGBoost with objective binary:logistic")

func at(value any, path ...string) any {
	for _, key := range path {
		object, good := value.(map[string]any)
		if !good {
			return nil
		}
		value = object[key]
	}
	return value
}

func text(value any) string {
	out, _ := value.(string)
	return strings.Trim(out, "[]")
}

func numbers(value any) []float64 {
	if out, good := value.([]float64); good {
		return out
	}
	list, _ := value.([]any)
	out := make([]float64, 0, len(list))
	for _, one := range list {
		number, good := one.(float64)
		if !good {
			return nil
		}
		out = append(out, number)
	}
	return out
}

func whole(values []float64) []int {
	out := make([]int, len(values))
	for i, one := range values {
		out[i] = int(one)
	}
	return out
}

// readTree checks every index, so that evaluating ends: children stand behind their parent.
func readTree(value any, features int) (tree, bool) {
	out := tree{left: whole(numbers(at(value, "left_children"))), right: whole(numbers(at(value, "right_children"))),
		feature: whole(numbers(at(value, "split_indices"))), weight: 1}
	conditions, missing := numbers(at(value, "split_conditions")), numbers(at(value, "default_left"))
	count := len(out.left)
	if count == 0 || len(out.right) != count || len(out.feature) != count || len(conditions) != count ||
		len(missing) != count {
		return out, false
	}
	for i := range count {
		out.threshold = append(out.threshold, float32(conditions[i]))
		out.missingLeft = append(out.missingLeft, missing[i] != 0)
		if out.left[i] == -1 {
			continue
		}
		if out.left[i] <= i || out.left[i] >= count || out.right[i] <= i || out.right[i] >= count ||
			out.feature[i] < 0 || out.feature[i] >= features {
			return out, false
		}
	}
	return out, true
}

// Read reads model.ubj.
func Read(bytes []byte) (*Model, error) {
	root, err := parse(bytes)
	if err != nil {
		return nil, err
	}
	learner := at(root, "learner")
	if text(at(learner, "objective", "name")) != "binary:logistic" {
		return nil, errModel
	}
	features, err := strconv.Atoi(text(at(learner, "learner_model_param", "num_feature")))
	if err != nil || features < 1 || features > 10000 {
		return nil, errModel
	}
	base, err := strconv.ParseFloat(text(at(learner, "learner_model_param", "base_score")), 64)
	if err != nil || base <= 0 || base >= 1 {
		return nil, errModel
	}
	booster := at(learner, "gradient_booster")
	weights := numbers(at(booster, "weight_drop"))
	model := at(booster, "model")
	if model == nil {
		model = at(booster, "gbtree", "model") // DART wraps it
	}
	trees, _ := at(model, "trees").([]any)
	out := &Model{Features: features, base: math.Log(base / (1 - base))}
	for i, one := range trees {
		read, good := readTree(one, features)
		if !good {
			return nil, errModel
		}
		if i < len(weights) {
			read.weight = float32(weights[i])
		}
		out.trees = append(out.trees, read)
	}
	if len(out.trees) == 0 {
		return nil, errModel
	}
	return out, nil
}

// Probability is of the class 1; len(row) is Features.
func (m *Model) Probability(row []float32) float64 {
	sum := float32(m.base)
	for _, tree := range m.trees {
		node := 0
		for tree.left[node] != -1 {
			value := row[tree.feature[node]]
			goLeft := value < tree.threshold[node]
			if value != value {
				goLeft = tree.missingLeft[node]
			}
			if goLeft {
				node = tree.left[node]
			} else {
				node = tree.right[node]
			}
		}
		sum += tree.weight * tree.threshold[node]
	}
	return 1 / (1 + math.Exp(-float64(sum)))
}
