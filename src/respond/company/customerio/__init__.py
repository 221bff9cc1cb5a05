"""A simulated Customer.io account: management, App, Track and Pipelines surfaces."""

from respond.company.customerio.by_hand import CONSOLE, HAPPENINGS
from respond.company.customerio.example_account import CONNECTION, FACTS, begin
from respond.company.customerio.openapi import drift
from respond.company.system import Counterpart

COUNTERPART = Counterpart(
    begin=begin,
    facts=FACTS,
    connection=CONNECTION,
    console=CONSOLE,
    happenings=HAPPENINGS,
    doors={"drift": lambda system, asked: drift(system.journeys.altered, asked)},
)
