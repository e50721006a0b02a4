"""Rules of the registers: what must fit together before anything is written."""
