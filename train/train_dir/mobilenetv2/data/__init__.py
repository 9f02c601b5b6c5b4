"""Pictures and folders of pictures: found, decoded, changed, cached. Knows no network."""
