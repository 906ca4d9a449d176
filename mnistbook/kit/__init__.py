"""What several chapters share: style, tables, source listings, figures, statistics, stored answers."""
