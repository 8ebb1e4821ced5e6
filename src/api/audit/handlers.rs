//! `/organizations/{organizationId}/audit-events`: read only.

use super::wire::{AuditExportQuery, AuditQuery};
use crate::api::State;
use crate::api::errors;
use crate::api::list_page;
use crate::base::error::ApiError;
use crate::base::policy::can;
use crate::base::sql::Conn;
use crate::domain::access::OrganizationAccess;
use crate::domain::audit::AuditEvent;
use crate::domain::audit::AuditEventView;
use crate::domain::audit::Export;
use crate::infra::http::{ListScope, Page, query};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::{HttpRequest, HttpResponse, get, web};
use futures_util::stream;

const JSON_LINES: &str = "application/x-ndjson";

/// List audit events
///
/// Who changed whose access, when and from where, newest first.
#[utoipa::path(tag = "Audit", security(("person" = []), ("serviceToken" = ["audit:read"])), params(AuditQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "A page.", body = Page<AuditEventView>)))]
#[get("/organizations/{organizationId}/audit-events")]
pub async fn list_audit_events(
    state: web::Data<State>,
    access: OrganizationAccess<can::AuditRead>,
    req: HttpRequest,
) -> Result<web::Json<Page<AuditEventView>>, ApiError> {
    let asked = query::<AuditQuery>(&req)?;
    let (filter, page) = (asked.filter(), asked.into_page());
    let organization = access.organization_id();
    let scope = ListScope("audit-events", &organization.text());
    let store = state.scoped_to(&access);
    let read = move |conn: &mut Conn, position| AuditEvent::page_of(conn, &access, &filter, position);
    Ok(web::Json(list_page(store, &page, scope, read, |event| event.sequence, Into::into).await?))
}

/// Export audit events
///
/// All that match, oldest first, as JSON Lines: one event a line.
#[utoipa::path(tag = "Audit", security(("person" = []), ("serviceToken" = ["audit:read"])), params(AuditExportQuery),
    responses(errors::Person, errors::Missing, (status = 200, description = "The events, each a line of JSON.", body = String,
        content_type = "application/x-ndjson")))]
#[get("/organizations/{organizationId}/audit-events/export")]
pub async fn export_audit_events(
    state: web::Data<State>,
    access: OrganizationAccess<can::AuditRead>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let filter = query::<AuditExportQuery>(&req)?.filter();
    let organization = access.organization_id();
    let db = state.scoped_to(&access);
    let export = db.clone().read(move |conn| Export::start(conn, organization, filter)).await?;
    // A batch is read when the one before it has been sent: a slow client holds no connection to the database.
    let lines = stream::try_unfold((db, export), async |(db, export)| {
        let Some(mut export) = export else { return Ok(None) };
        let (lines, export) = db.clone().read_confirmed(move |conn| Ok((export.next(conn)?, export))).await?;
        Ok::<_, ApiError>(lines.map(|lines| (web::Bytes::from(lines), (db, Some(export)))))
    });
    Ok(HttpResponse::Ok()
        .content_type(JSON_LINES)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"audit-{organization}.jsonl\"")))
        .streaming(lines))
}
