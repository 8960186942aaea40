"""Jobs: one exam from files to a result, one region, one virtual patient."""
