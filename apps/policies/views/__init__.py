"""Pages of masking policies, of the editor, of starter packs, and of simulation."""
