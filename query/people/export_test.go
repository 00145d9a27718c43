package people

// EventsSQL and EndSQL are the statements, for tests.
func EventsSQL(name Name, behind bool) string { return eventsSQL(name, behind) }
func EndSQL(name Name, behind bool) string    { return endSQL(name, behind) }
