package collector

import (
	"errors"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// fault says whose fault a failed insert was.
type fault int

const (
	faultOfStore fault = iota // away, overloaded or not set up: wait, the data is fine
	faultOfData               // the rows can't be taken as they are
	faultUnknown              // it may be either
)

// classify judges by ClickHouse's error codes (src/Common/ErrorCodes.cpp), by
// number because its texts change between versions.
func classify(err error) fault {
	var e *clickhouse.Exception
	if !errors.As(err, &e) {
		return faultUnknown // no answer: the network, or a block that kills the engine
	}
	switch e.Code {
	case
		6,   // CANNOT_PARSE_TEXT
		26,  // CANNOT_PARSE_QUOTED_STRING
		27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
		33,  // CANNOT_READ_ALL_DATA
		38,  // CANNOT_PARSE_DATE
		41,  // CANNOT_PARSE_DATETIME
		43,  // ILLEGAL_TYPE_OF_ARGUMENT
		44,  // ILLEGAL_COLUMN
		53,  // TYPE_MISMATCH
		69,  // ARGUMENT_OUT_OF_BOUND
		70,  // CANNOT_CONVERT_TYPE
		72,  // CANNOT_PARSE_NUMBER
		117, // INCORRECT_DATA
		128, // TOO_LARGE_ARRAY_SIZE
		131, // TOO_LARGE_STRING_SIZE
		306, // TOO_DEEP_RECURSION
		321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
		349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
		469: // VIOLATED_CONSTRAINT
		return faultOfData
	case
		3,   // UNEXPECTED_END_OF_FILE
		60,  // UNKNOWN_TABLE
		81,  // UNKNOWN_DATABASE
		16,  // NO_SUCH_COLUMN_IN_TABLE
		164, // READONLY
		202, // TOO_MANY_SIMULTANEOUS_QUERIES
		203, // NO_FREE_CONNECTION
		209, // SOCKET_TIMEOUT
		210, // NETWORK_ERROR
		225, // NO_ZOOKEEPER
		242, // TABLE_IS_READ_ONLY
		243, // NOT_ENOUGH_SPACE
		252, // TOO_MANY_PARTS
		279, // ALL_CONNECTION_TRIES_FAILED
		285, // TOO_FEW_LIVE_REPLICAS
		286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
		319, // UNKNOWN_STATUS_OF_INSERT
		394, // QUERY_WAS_CANCELLED
		439, // CANNOT_SCHEDULE_TASK
		497, // ACCESS_DENIED
		516, // AUTHENTICATION_FAILED
		999: // KEEPER_EXCEPTION
		return faultOfStore
	default:
		return faultUnknown
	}
}
