//! How the application of a tenant is asked for its health.

use crate::compile::health as rendered;
use crate::compile::values::TenantValues;
use crate::failure::Result;
use crate::inventory::{Body, Inventory, TenantPlan};
use crate::protocol::Health;
use crate::templates::Templates;

/// Seconds in which an application must become healthy after a restart, unless its catalogue grants it more.
const PATIENCE: u32 = 60;

/// By its own socket or port, not over nginx, on its application host; none for one that is stopped.
///
/// # Errors
/// Exit 65, when the catalogue's templates name what there is not.
pub(super) fn health(
    inventory: &Inventory,
    templates: &Templates,
    body: &Body,
    plan: &TenantPlan,
    values: &TenantValues,
) -> Result<Option<(String, Health)>> {
    if values.stopped {
        return Ok(None);
    }
    let asked = rendered(templates, inventory, body, plan)?;
    let health = Health {
        socket: values.application.listens_on_socket.then(|| values.socket.clone()),
        port: values.port,
        host_name: values.host_name.clone(),
        path: asked.path,
        method: asked.method.name().to_string(),
        body: asked.media_type.zip(asked.body),
        status: asked.status,
        contains: asked.contains,
        patience: PATIENCE.max(values.application.start_seconds),
    };
    Ok(Some((values.application_host.name.clone(), health)))
}
