package amiclient

import (
	"context"
	"errors"
)

// ModuleCheck asks whether a module is loaded (main/manager.c:
// manager_modulecheck). Class system.
type ModuleCheck struct {
	Module string // its name, as "res_pjsip_notify"; .so behind it does no harm
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the field as it is.
func (a ModuleCheck) Action() Action {
	return Action{Name: "ModuleCheck", Headers: []Header{{"Module", a.Module}}}
}

// Do tells whether the module is loaded.
func (a ModuleCheck) Do(ctx context.Context, on Doer) (loaded bool, err error) {
	_, err = on.Do(ctx, a.Action())
	if errors.Is(err, ErrUnknownModule) {
		return false, nil
	}
	return err == nil, err
}

// Reload has a module, or everything, read its configuration anew
// (main/manager.c: action_reload). Class config or system.
type Reload struct {
	Module string // with .so, as "res_pjsip_notify.so", or a part of the core, as "manager"; "": everything
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the field as it is.
func (a Reload) Action() Action {
	r := Action{Name: "Reload"}
	r.add("Module", a.Module)
	return r
}

// Do returns when the module has read its configuration, or when that is
// queued. What it thought of it is only in the server's log. The error is
// ErrUnknownModule if no such module is loaded, and ErrBusyServer while another
// reload is at work. A reload of "manager" leaves sessions their old rights.
func (a Reload) Do(ctx context.Context, on Doer) error {
	_, err := on.Do(ctx, a.Action())
	return err
}
