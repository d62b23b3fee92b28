package app

import "zapis/internal/knowledge/exchange"

// openExchange makes the room through which the catalogue comes in and goes out.
func (a *App) openExchange() (err error) {
	a.Exchange, err = exchange.New(exchange.Options{DB: a.DB, Custody: a.Custody, Knowledge: a.Knowledge, Logger: a.Logger})
	return err
}
