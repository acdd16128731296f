"""Carries out a run plan step by step: extract, settle, gate, publish. Each step takes a plan and returns a report."""
