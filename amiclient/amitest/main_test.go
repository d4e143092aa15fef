package amitest

import (
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func TestMain_leaked(t *testing.T) {
	end := make(chan struct{})
	go func() { <-end }()
	isLeft := func() bool { return strings.Contains(strings.Join(leaked(0), "\n\n"), "TestMain_leaked.func1(") }
	if !isLeft() {
		t.Error("the goroutine is not found")
	}
	close(end)
	for isLeft() {
	}
}
