"""The pages of ``respond serve``, a room for each; ``all_pages`` puts them together."""
