//! Storage traits and the SQL text shared by every backend.
