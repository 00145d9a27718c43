package privacy

// AddHashed adds a hashed table to those of events.
func (e *Eraser) AddHashed(name string) { e.remover.addHashed(name) }

// AddHashed adds a hashed table to those of events.
func (j *Janitor) AddHashed(name string) { j.remover.addHashed(name) }

func (r *remover) addHashed(name string) {
	r.events = append([]table{{name: name, hashed: true}}, r.events...)
}
