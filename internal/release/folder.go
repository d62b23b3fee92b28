package release

// Folder is the folder of releases.
type Folder struct{}
