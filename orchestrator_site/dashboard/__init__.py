"""The pages: projects, their graphs and reports, and the inbox of approvals, working without scripts."""
