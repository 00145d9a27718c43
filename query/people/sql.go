package people

// theirs is the condition for a person's rows. What the names of a person are is read
// from all copies of events, so that it does not change with merges more than it must.
func theirs(name Name) string {
	if name.Email != "" {
		return `(lowerUTF8(event_email) = lowerUTF8({email:String}) OR event_adb_cdt GLOBAL IN (
            SELECT event_adb_cdt FROM events
            WHERE event_email != '' AND event_adb_cdt != '' AND event_adb_cdt GLOBAL IN (
                SELECT DISTINCT event_adb_cdt FROM events WHERE lowerUTF8(event_email) = lowerUTF8({email:String})
            )
            GROUP BY event_adb_cdt
            HAVING uniqExact(lowerUTF8(event_email)) <= {addresses:UInt32}
            LIMIT {links:UInt32}
        ))`
	}
	return `(event_adb_cdt = {cdt:String} OR event_email != '' AND lowerUTF8(event_email) GLOBAL IN (
            SELECT DISTINCT lowerUTF8(event_email) AS address FROM events
            WHERE event_adb_cdt = {cdt:String} AND event_email != '' AND (
                SELECT uniqExact(lowerUTF8(event_email)) FROM events WHERE event_adb_cdt = {cdt:String} AND event_email != ''
            ) <= {addresses:UInt32}
            LIMIT {links:UInt32}
        ))`
}

// windowSQL is the newest keys of a person's rows, every copy's.
func windowSQL(name Name, behind bool) string {
	after := ""
	if behind {
		after = `
            AND (event_timestamp, connection_id, event_id) < (fromUnixTimestamp64Milli({at:Int64}, 'UTC'), {connection:UUID}, {id:String})`
	}
	return `
        SELECT DISTINCT connection_id, event_timestamp, event_id FROM events
        WHERE ` + theirs(name) + after + `
        ORDER BY event_timestamp DESC, connection_id DESC, event_id DESC
        LIMIT {window:UInt32}`
}

// eventsSQL reads the events of a window. Keys first, without FINAL, so that FINAL has
// only their rows to merge; it asks again whose the copy is that was received last.
func eventsSQL(name Name, behind bool) string {
	return `SELECT e.connection_id, c.name, c.event_source, c.event_object,
    e.event_id, toUnixTimestamp64Milli(e.event_timestamp), e.event_email, e.event_adb_cdt, toJSONString(e.event_payload), e.received_at
FROM (
    SELECT * FROM events FINAL
    WHERE (connection_id, event_timestamp, event_id) GLOBAL IN (` + windowSQL(name, behind) + `
    ) AND ` + theirs(name) + `
) AS e
INNER JOIN (
    SELECT id, name, event_source, event_object FROM connections FINAL WHERE NOT deleted
) AS c ON c.id = e.connection_id
ORDER BY e.event_timestamp DESC, e.connection_id DESC, e.event_id DESC
LIMIT {limit:UInt32}`
}

// endSQL is how many keys a window has, and its last.
func endSQL(name Name, behind bool) string {
	return `SELECT count(), toUnixTimestamp64Milli(min(event_timestamp)), argMin(connection_id, (event_timestamp, connection_id, event_id)),
    argMin(event_id, (event_timestamp, connection_id, event_id))
FROM (` + windowSQL(name, behind) + `
)`
}
