//! Which paths of a host a resource stands for.

use crate::resources::Resource;

/// The paths that a resource puts on the host (or keeps off it).
pub fn of(resource: &Resource) -> Vec<String> {
    match resource {
        Resource::Absent(absent) => vec![absent.path.clone()],
        Resource::Certificate(certificate) => {
            vec![certificate.path.clone(), format!("{}.json", certificate.path), certificate.key.clone()]
        }
        Resource::Directory(directory) => vec![directory.path.clone()],
        Resource::File(file) => vec![file.path.clone()],
        Resource::Symlink(link) => vec![link.path.clone()],
        Resource::Group(_)
        | Resource::Package(_)
        | Resource::PostgresDatabase(_)
        | Resource::PostgresGrant(_)
        | Resource::PostgresRole(_)
        | Resource::Release(_)
        | Resource::Service(_)
        | Resource::User(_) => Vec::new(),
    }
}
