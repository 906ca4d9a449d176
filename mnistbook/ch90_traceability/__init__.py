"""Code of the page that leads from each rule to its proof."""
