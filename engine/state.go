package engine

import "time"

// Phase is what an Engine is doing.
type Phase string

// The phases of an Engine.
const (
	Starting   Phase = "starting"   // before its first answer
	Running    Phase = "running"    // it has answered since the child was started
	Restarting Phase = "restarting" // the child has died; a new one is on its way
	Stopped    Phase = "stopped"    // for good
)

// State is a snapshot of an Engine.
type State struct {
	Phase Phase
	// Since is when the phase began.
	Since time.Time
	// PID is the child's, 0 when there is none.
	PID int
	// Restarts counts the children started after the first one had answered.
	Restarts int
	// LastExit says how the last child ended, with the end of its log; empty when
	// none has died.
	LastExit string
	// Killed reports that the last stop needed a kill.
	Killed bool
}

// State returns what the engine is doing.
func (e *Engine) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// setState changes phase and child; a non-empty exit replaces LastExit.
func (e *Engine) setState(p Phase, pid int, exit string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p != e.state.Phase {
		e.state.Since = time.Now()
	}
	e.state.Phase, e.state.PID = p, pid
	if exit != "" {
		e.state.LastExit = exit
	}
}

// Usage is what the engine's process uses.
type Usage struct {
	// RSS is the resident memory in bytes, 0 where it cannot be told (macOS) or
	// there is no child.
	RSS uint64
	// CPU is the processor time in seconds of all children so far; on macOS only
	// of those that have ended. It never goes down.
	CPU float64
}

// Usage reads what the engine uses now.
func (e *Engine) Usage() Usage {
	e.mu.Lock()
	defer e.mu.Unlock()
	u := Usage{CPU: e.ended}
	if e.state.PID != 0 {
		rss, cpu := processUsage(e.state.PID)
		u.RSS, u.CPU = rss, u.CPU+cpu
	}
	return u
}
