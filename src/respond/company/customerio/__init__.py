"""A simulated Customer.io account: management, App, Track and Pipelines surfaces."""

from respond.company.customerio.account import Account, Actor, Settings
from respond.company.customerio.rows import State
from respond.company.customerio.surfaces import SURFACES, CustomerIo

__all__ = ["SURFACES", "Account", "Actor", "CustomerIo", "Settings", "State"]
