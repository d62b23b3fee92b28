package main

type migrateCmd struct{}

func (c *migrateCmd) Run(k *call) error {
	h, err := k.home()
	if err != nil {
		return err
	}
	if err := h.Migrate(k.ctx, k.prompt()); err != nil {
		return err
	}
	if k.JSON {
		k.json(map[string]any{"ok": true})
		return nil
	}
	k.say("The database has the schema of this program.")
	return nil
}
