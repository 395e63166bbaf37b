"""A board: its question, its variables, the downtimes on its time panels, and links to the other boards."""

from collections.abc import Mapping, Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
    TextBoxVariable,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from boards.colours import PLANNED
from boards.panels import DATA, Panel

TAG: Final = "stratoscope"
IN: Final = 'cloud=~"$cloud"'
"""The matcher of the chosen clouds."""
OF_VMS: Final = "vm:stratoscope_hypervisor_vm_"
"""How records of what a VM uses begin."""
MOST_OPTIONS: Final = 1_000
"""Of the variable `vm`; another VM can be typed."""
_OF_ROW: Final = "&".join(
    f"var-{name}=${{__data.fields.{label}:percentencode}}"
    for name, label in (("cloud", "cloud"), ("project", "project_id"), ("vm", "vm_id"))
)
LINK_TO_VM: Final = f"/d/stratoscope-vm?${{datasource:queryparam}}&{_OF_ROW}"
"""Of a row of a table that has the columns cloud, project_id and vm_id."""
THE_VM: Final = '{cloud="$its_cloud",project_id="$project",vm_id="$vm"}'
"""The one that is chosen: in another cloud the ids of projects and VMs can be the same."""
_DOWNTIMES: Final = "project:stratoscope_downtime_active:max"
_OF_PROJECT: Final = f'{_DOWNTIMES}{{cloud="$its_cloud",project_id="$project"'
_INFO_OF_VM: Final = f"(vm:stratoscope_vm_info:unique{THE_VM})"
DOWNTIMES_OF_VM: Final = " or ".join(
    (
        f'{_OF_PROJECT},scope=~"cloud|project"}}',
        f'{_OF_PROJECT},scope="vm",vm_id="$vm"}}',
        f'{_OF_PROJECT},scope="zone"}} and on (cloud, zone) {_INFO_OF_VM}',
        f'{_OF_PROJECT},scope="host"}} and on (cloud, host) {_INFO_OF_VM}',
    )
)
"""Of the VM, its host, zone, project or cloud; not those of other VMs of its project."""
_CLOUDS: Final = "cloud:stratoscope_glance:over_threshold"
# Grafana escapes nothing in what it matches: a name ends at the last quote, and can have line breaks.
_VM_WITH_NAME: Final = r'/vm_id="(?<value>[^"]*)"(?:,vm_name="(?<text>[\s\S]*)")?/'
_PROJECT_WITH_NAME: Final = r'/project_id="(?<value>[^"]*)"(?:,project_name="(?<text>[\s\S]*)")?/'
_HOST: Final = r'/host="([\s\S]*)"/'
_CLOUD: Final = r'/cloud="([\s\S]*)"/'

Variable = QueryVariable | TextBoxVariable


def board(uid: str, question: str, answer: str, *variables: Variable, last: str = "now-6h") -> Dashboard:
    """A board without panels.

    Args:
        uid: Its fixed name in addresses; the file's name.
        question: Its title.
        answer: What it shows, to whom.
        variables: Beside the data source.
        last: What it shows when it is opened.
    """
    made = (
        Dashboard(question)
        .uid(f"stratoscope-{uid}")
        .description(answer)
        .tags([TAG])
        .timezone("browser")
        .refresh("1m")
        .time(last, "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(_others())
        .annotation(_downtimes(variables))
        .with_variable(_source())
    )
    for variable in variables:
        made = made.with_variable(variable)
    return made


def with_rows(made: Dashboard, rows: Mapping[str, Sequence[Panel]]) -> Dashboard:
    """The board with its panels, below the headings of their rows."""
    for heading, panels in rows.items():
        made = made.with_row(Row(heading))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def with_closed_row(made: Dashboard, heading: str, panels: Sequence[Panel]) -> Dashboard:
    """The board with a last row that is closed: its panels ask nothing until somebody opens it."""
    row = Row(heading)
    for panel in panels:
        row = row.with_panel(panel)
    return made.with_row(row)


def _source() -> DatasourceVariable:
    return DatasourceVariable("datasource").label("Data source").type("prometheus").regex("")


def _others() -> DashboardLink:
    return (
        DashboardLink("Other questions")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
        .icon("external link")
        .tooltip("")
    )


def _downtimes(variables: Sequence[Variable]) -> AnnotationQuery:
    names = {variable.build().name for variable in variables}
    if "project" in names:
        # The alerts on whole clouds, zones and hosts have no project.
        expr = DOWNTIMES_OF_VM if "vm" in names else f'{_DOWNTIMES}{{cloud=~"$cloud",project_id="$project"}}'
        return _annotation(expr, "{{cloud}} {{zone}} {{vm_id}}")
    of_cloud = ',cloud=~"$cloud"' if "cloud" in names else ""
    return _annotation(
        f'ALERTS{{alertname="StratoscopeDowntimeActive",alertstate="firing"{of_cloud}}}',
        "{{cloud}} {{zone}} {{host}} {{project_id}} {{vm_id}}: downtime {{downtime_id}}",
    )


def _annotation(expr: str, text: str) -> AnnotationQuery:
    return (
        AnnotationQuery()
        .name("Downtimes")
        .datasource(DATA)
        .enable(True)
        .icon_color(PLANNED)
        .expr(expr)
        .title_format("Down on purpose: {{scope}}")
        .text_format(text)
        .target(Dataquery().ref_id("Anno").expr(expr))
    )


def _query(name: str, label: str, expr: str) -> QueryVariable:
    """One value, which a refresh does not replace: its options do not follow the time."""
    return (
        QueryVariable(name)
        .label(label)
        .datasource(DATA)
        .query({"query": expr, "refId": name})
        .definition(expr)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .allow_custom_value(True)
    )


def _any(variable: QueryVariable) -> QueryVariable:
    """Several values, at first all."""
    everything = VariableOption(selected=True, text="All", value="$__all")
    variable = variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.multi(True).include_all(True).all_value(".*").current(everything)


def clouds() -> QueryVariable:
    """Any clouds."""
    return _any(_query("cloud", "Cloud", f"label_values({_CLOUDS}, cloud)"))


def hosts() -> QueryVariable:
    """Any hosts: those that the management layer knows, and those that have an exporter of their own."""
    listed, watched = (
        f'last_over_time({record}{{cloud=~"$cloud"}}[$__range])'
        for record in ("host:stratoscope_management_host_wanted:max", "host:stratoscope_technology:unique")
    )
    expr = f"query_result(count by (host) ({listed} or {watched}))"
    return _any(_query("host", "Host", expr).regex(_HOST))


def clouds_of_projects() -> QueryVariable:
    """Any clouds, by a record that has project_id: a proxy that enforces it shows those of a project.

    It is a query: the proxy does not answer `label_values`.
    """
    expr = "query_result(group by (cloud) (vm:stratoscope_vm_info:unique))"
    return _any(_query("cloud", "Cloud", expr).regex(_CLOUD))


def project() -> QueryVariable:
    """One project: shows its name, its value is the project_id. Those with most VMs are first."""
    named = "group by (cloud, project_id, project_name)"
    of_cloud = '{cloud=~"$cloud",project_id!=""}'
    listed = f"{named} (stratoscope_management_project_info{of_cloud})"
    found = f"{listed} or on (cloud, project_id) {named} (vm:stratoscope_vm_info:unique{of_cloud})"
    vms = f"count by (cloud, project_id) (vm:stratoscope_vm_info:unique{of_cloud})"
    size = f"({found}) * on (cloud, project_id) group_left () {vms} or on (cloud, project_id) 0 * ({found})"
    expr = f"query_result(sort_desc(topk({MOST_OPTIONS}, sum by (project_id, project_name) ({size}))))"
    return _query("project", "Project", expr).regex(_PROJECT_WITH_NAME).sort(VariableSort.DISABLED)


def project_of_vms() -> QueryVariable:
    """One project that has VMs: shows its name, its value is the project_id."""
    found = 'vm:stratoscope_vm_info:unique{cloud=~"$cloud",project_id!=""}'
    expr = f"query_result(topk({MOST_OPTIONS}, count by (project_id, project_name) ({found})))"
    return _query("project", "Project", expr).regex(_PROJECT_WITH_NAME)


def vm() -> QueryVariable:
    """One VM of the project: shows its name, its value is the vm_id."""
    found = 'vm:stratoscope_vm_info:unique{cloud=~"$cloud",project_id="$project"}'
    expr = f"query_result(topk({MOST_OPTIONS}, count by (vm_id, vm_name) ({found})))"
    return _query("vm", "VM", expr).regex(_VM_WITH_NAME)


def cloud_of_vm() -> QueryVariable:
    """One of the chosen clouds, in which the VM is, or was within the time that is shown."""
    found = 'vm:stratoscope_vm_info:unique{cloud=~"$cloud",project_id="$project",vm_id="$vm"}'
    expr = f"query_result(group by (cloud) (last_over_time({found}[$__range])))"
    return _query("its_cloud", "Its cloud", expr).regex(_CLOUD)


def one_of_vm(expr: str) -> str:
    """One series of each VM: for five minutes after a restart of Prometheus a record can have two."""
    return f"topk by (cloud, vm_id) (1, {expr})"


def newest(info: str, by: str, facts: str) -> str:
    """The facts of each thing, once: of several series, such as those of before a change, the newest one.

    Args:
        info: The series; the time of what it selects counts.
        by: Labels that say which thing it is.
        facts: The other labels that are kept.
    """
    return f"group by ({by}, {facts}) (topk by ({by}) (1, timestamp({info})))"


def in_downtime(things: str) -> str:
    """Those of which an active downtime covers the host, the zone or the cloud.

    As StratoscopeDowntimeActive has them: what does not silence explains nothing.
    """
    active = 'stratoscope_downtime_active{silences="true",scope="%s"} == 1'
    scopes = {"host": "cloud, host", "zone": "cloud, zone", "cloud": "cloud"}
    return " or ".join(f"{things} and on ({on}) {active % scope}" for scope, on in scopes.items())


def search() -> TextBoxVariable:
    """What somebody types to find VMs; at first nothing, which finds all."""
    nothing = VariableOption(selected=True, text="", value="")
    return TextBoxVariable("search").label("Name, id or address").default_value("").current(nothing)
