package catalogue

import "time"

// Path is what is known of one path of a connection.
type Path struct {
	Path                string
	Types               map[string]uint64
	FirstSeen, LastSeen time.Time
	Sample              string

	parts []part
}

// part is one JSON type of a path.
type part struct {
	typ             Type
	events, sampled uint64
	fit             [4]uint64
}

// MisfitShare estimates which share of the events that have a value at the path,
// from 0 to 1, have one that does not fit a type. Nil: nothing was measured.
func (p *Path) MisfitShare(t Type) *float64 {
	var all, bad float64
	for _, x := range p.parts {
		if x.typ == Null {
			continue
		}
		events := float64(x.events)
		all += events
		switch {
		case x.typ == Object || x.typ == Array:
			bad += events
		case t == String:
		case x.sampled > 0:
			bad += events * (1 - float64(x.fit[fitIndex(t)])/float64(x.sampled))
		}
	}
	if all == 0 {
		return nil
	}
	share := bad / all
	return &share
}

func fitIndex(t Type) int {
	switch t {
	case Integer:
		return 1
	case Boolean:
		return 2
	case Datetime:
		return 3
	default:
		return 0
	}
}
