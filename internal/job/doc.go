// Package job keeps durable work: what has to be done to an item or to the holdings, by whom it is being done, and how
// it ended.
//
// It guarantees that a job put in with a transaction exists exactly if that transaction does; that a job whose worker
// dies, however it dies, is worked again within half a minute; that no job is tried without end; that completion can
// share the transaction of the result; and that nothing but identifiers is kept in a job. A job may be worked more than
// once, so every worker of a kind must be safe to repeat.
//
// It does not do the work itself and decides nothing about material. It rests on River, on SQLite as on PostgreSQL.
package job
