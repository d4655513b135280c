//! Names IAM takes.

/// Whether a character may stand in the name of a role, policy or instance profile, or of a session: `[\w+=,.@-]`.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
pub fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+=,.@-_".contains(c)
}
