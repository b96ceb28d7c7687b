"""Whether the score is honest: relatives across the exam, columns that know too much, copies."""
