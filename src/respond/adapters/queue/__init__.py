"""The queue of a team's database: what there is to do, who does it, and whether they still may."""
