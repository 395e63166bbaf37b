"""Parts of a server: its actions and its volumes."""

from typing import Final

from stratoscope.demo.openstack.http_request import Json, Request, Response
from stratoscope.demo.openstack.nova.servers import find
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import micro
from stratoscope.demo.world.models import VM, Action, Volume


def _actions(request: Request) -> Response:
    vm = find(request)
    actions = reversed(request.world.history(vm) if vm.is_scheduled else [])
    return Response({"instanceActions": [_action(request, vm, one) for one in actions]})


def _volumes(request: Request) -> Response:
    vm = find(request)
    return Response({"volumeAttachments": [_volume(request, vm, volume) for volume in vm.volumes]})


def _action(request: Request, vm: VM, one: Action) -> Json:
    return {
        "action": one.name,
        "instance_uuid": vm.id,
        "request_id": one.request_id,
        "user_id": one.user_id,
        "project_id": vm.project.id,
        "start_time": micro(one.started),
        "message": one.message,
        **request.newer({58: {"updated_at": micro(max(one.started, vm.updated))}}),
    }


def _volume(request: Request, vm: VM, volume: Volume) -> Json:
    identity: Json = {"id": volume.id}
    if request.since(89):
        identity = {"attachment_id": volume.attachment_id, "bdm_uuid": volume.attachment_id}
    additions: dict[int, Json] = {
        70: {"tag": None},
        79: {"delete_on_termination": volume.is_deleted_with_vm},
    }
    attachment: Json = {"volumeId": volume.id, "serverId": vm.id, "device": volume.device}
    return identity | attachment | request.newer(additions)


ROUTES: Final = (
    Route("GET", "/servers/{server}/os-instance-actions", _actions),
    Route("GET", "/servers/{server}/os-volume_attachments", _volumes),
)
