//! YAML in, all problems at once out.
