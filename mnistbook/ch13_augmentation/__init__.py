"""Chapter 13: deskewing, augmentation, committees."""
