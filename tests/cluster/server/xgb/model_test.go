package xgb

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

type golden struct {
	Cases []struct {
		Name    string
		Inputs  []struct{ Data []float32 }
		Outputs []struct{ Data []float64 }
	}
}

// What XGBoost itself answered when the example was trained.
func TestAnswersLikeXGBoost(t *testing.T) {
	folders, _ := filepath.Glob("../../../../examples/breast-cancer/versions/*")
	if len(folders) == 0 {
		t.Fatal("no versions")
	}
	for _, folder := range folders {
		bytes, err := os.ReadFile(filepath.Join(folder, "model.ubj"))
		if err != nil {
			continue // a version that is no model on purpose
		}
		model, err := Read(bytes)
		if err != nil {
			t.Fatal(folder, err)
		}
		var want golden
		text, err := os.ReadFile(filepath.Join(folder, "golden.json"))
		if err != nil || json.Unmarshal(text, &want) != nil || len(want.Cases) == 0 {
			t.Fatal(folder, "no golden cases")
		}
		for _, one := range want.Cases {
			got := model.Probability(one.Inputs[0].Data)
			if math.Abs(got-one.Outputs[0].Data[0]) > 1e-5 {
				t.Errorf("%s, %s: %v and not %v", folder, one.Name, got, one.Outputs[0].Data[0])
			}
		}
	}
}

// Every beginning of a model, and every byte of its head changed: an error or a model, never a panic.
func TestSurvivesWhatIsNoModel(t *testing.T) {
	bytes, err := os.ReadFile("../../../../examples/breast-cancer/versions/v1.0.0/model.ubj")
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, 30)
	for end := 0; end < len(bytes); end += 97 {
		if _, err := Read(bytes[:end]); err == nil {
			t.Errorf("the first %d bytes are taken for a model", end)
		}
	}
	for at := 0; at < 4000; at++ {
		changed := append([]byte(nil), bytes...)
		changed[at] ^= 0x41
		if model, err := Read(changed); err == nil && model.Features == 30 {
			model.Probability(row)
		}
	}
}
