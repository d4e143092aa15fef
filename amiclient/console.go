package amiclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// The functions here ask for what no action of AMI tells but Command, and read
// it as Asterisk prints it. They need the class command.

// Modules returns the names of the modules that run, without .so, as the server
// sorts them (main/cli.c: handle_modlist).
func Modules(ctx context.Context, on Doer) ([]string, error) {
	output, err := Command{"module show"}.Do(ctx, on)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, line := range output.Lines {
		name, rest, _ := strings.Cut(line, " ")
		name, module := strings.CutSuffix(name, ".so")
		if module && strings.Contains(rest, " Running ") && !strings.Contains(rest, " Not Running ") {
			names = append(names, strings.Clone(name))
		}
	}
	if names == nil {
		return nil, fmt.Errorf("module show: %w: it lists no modules", ErrProtocol)
	}
	return names, nil
}

// DefaultOutboundEndpoint returns the endpoint of PJSIP by which NOTIFYs to a URI
// go, or "" if there is none: then Asterisk answers them with Success and sends
// nothing (res/res_pjsip/config_global.c; res/res_pjsip_notify.c). It needs the
// class system too.
func DefaultOutboundEndpoint(ctx context.Context, on Doer) (string, error) {
	output, err := Command{"pjsip show settings"}.Do(ctx, on)
	if err != nil {
		return "", err
	}
	for _, line := range output.Lines {
		name, endpoint, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) != "default_outbound_endpoint" {
			continue
		}
		endpoint = strings.TrimSpace(endpoint)
		if endpoint == "" {
			return "", nil
		}
		// It has a name also where nobody has set it, and then mostly no such endpoint is there.
		switch _, err := (PJSIPShowEndpoint{endpoint}).Do(ctx, on); {
		case errors.Is(err, ErrUnknownEndpoint):
			return "", nil
		case errors.Is(err, ErrPermission), errors.Is(err, ErrUnknownAction):
			return "", err
		case err != nil && !errors.As(err, new(*ResponseError)):
			return "", err
		}
		return strings.Clone(endpoint), nil
	}
	return "", fmt.Errorf("pjsip show settings: %w: it says nothing of a default outbound endpoint", ErrProtocol)
}

// Uptime is since when a server runs.
type Uptime struct {
	Started  time.Time
	Reloaded time.Time // when it last read its configuration anew, or Started
	Now      time.Time // the server's clock
}

// AskUptime tells since when the server runs, to the second and by its own clock.
// CoreStatus gives that in a zone that it does not name, and the console for how
// long: together they give the instant. It needs the class system or reporting
// too.
func AskUptime(ctx context.Context, on Doer) (Uptime, error) {
	status, err := CoreStatus{}.Do(ctx, on)
	if err != nil {
		return Uptime{}, err
	}
	pong, err := Ping{}.Do(ctx, on)
	if err != nil {
		return Uptime{}, err
	}
	output, err := Command{"core show uptime seconds"}.Do(ctx, on)
	if err != nil {
		return Uptime{}, err
	}
	ago := map[string]time.Duration{}
	for _, line := range output.Lines {
		if name, seconds, ok := strings.Cut(line, ":"); ok {
			ago[strings.TrimSpace(name)] = value.Duration(strings.TrimSpace(seconds), time.Second)
		}
	}
	since, known := ago["System uptime"]
	if !known || status.Started.IsZero() || pong.Time.IsZero() {
		return Uptime{}, fmt.Errorf("core show uptime seconds: %w: it says nothing of the uptime", ErrProtocol)
	}
	u := Uptime{Started: inZone(status.Started, pong.Time.Add(-since)), Now: pong.Time.UTC()}
	u.Reloaded = u.Started
	if since, known := ago["Last reload"]; known && !status.Reloaded.IsZero() {
		u.Reloaded = inZone(status.Reloaded, pong.Time.Add(-since))
	}
	return u, nil
}

// inZone gives the instant of a local time that stands as if it were UTC, and of
// which it is known about when that was: zones are whole quarters of an hour off.
func inZone(local, about time.Time) time.Time {
	const quarter = 15 * time.Minute
	return local.Add(-local.Sub(about).Round(quarter))
}
