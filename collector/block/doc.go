// Package block turns checked events into blocks of the events table, ready for
// INSERT … FORMAT Native: ClickHouse then has nothing to parse, which is most of
// what an insert of JSON text costs it.
//
//	event.Batch ──Append──▶ Builder: one buffer per column, event_payload's
//	                        being one per path ──WriteTo──▶ Native, revision 0
//
// # Format
//
// Layout of Native: https://clickhouse.com/docs/interfaces/formats/Native. A
// JSON column's own layout is not documented; it is read off ClickHouse's
// SerializationObject, SerializationDynamic and SerializationVariant, in the
// version 2 that its servers send each other:
//
//	JSON     prefix  u64 2, varint paths, their names sorted; the prefix of each path's Dynamic
//	         data    the data of each path's Dynamic; then the values of all other paths
//	                 ("shared data"): u64 per row where its pairs end, paths, values
//	Dynamic  prefix  u64 2, varint types, their names sorted, u64 0; the prefix of each type
//	         data    a byte per row: the number of its type, 255 = NULL; the values of each
//	                 type. Types are numbered by name, SharedVariant, the
//	                 one for all types that are too many, always being among them
//
// A value in shared data or in SharedVariant has its type before it, in binary.
//
// # Paths
//
// A path has a column while there is room for one: as many as the table's
// max_dynamic_paths at the top, a quarter of that inside an array, and so on, as
// ClickHouse does it. All other paths go to shared data, at a cost that does not
// depend on how many there are. So a block of any paths has one form, and
// neither side ever pays for a sender who makes up new keys. Merges give
// columns to the paths with most values again, whatever the block did.
//
// Invariants: a path is in one place for all rows of a block. Memory is linear
// in the bodies' size (see budget), time too but for the sorting of one object's
// paths. Nothing depends on earlier blocks but which paths, and which types of a
// path, have columns.
//
// # What is stored
//
// Payloads are stored as ClickHouse would parse them with
// json_type_escape_dots_in_keys = 1, input_format_try_infer_dates = 0 and
// input_format_try_infer_datetimes = 0, each by itself: null members and empty
// objects do not exist, the rest keeps kind and value. It differs where
// ClickHouse's own way loses something:
//
//   - Booleans among numbers or strings stay booleans: [true,1] is
//     Array(Dynamic), where ClickHouse makes [1,1] and ["true","x"].
//   - Integers among fractions stay exact: beyond 2^53 such an array is
//     Array(Dynamic), where ClickHouse makes all of it Array(Nullable(Float64)).
//   - A null among arrays stays: [[1],null] is Array(Dynamic), where ClickHouse
//     makes [[1],[]].
//   - Arrays of arrays keep their nesting and only the innermost type gives way:
//     [[1],["x"]] is Array(Array(Dynamic)), where ClickHouse makes
//     Array(Dynamic); and [[],[[1]]] is what [[[1]]] is.
//   - No type depends on the values before. ClickHouse puts a value into a type
//     that the path has already if it fits somehow, so that [] or [1] may become
//     an array of anything.
//   - An object whose keys would take too much room, because each value
//     below repeats a very long path, is kept as a string with its JSON. The same
//     object as text makes ClickHouse take gigabytes.
package block
